import ca.uhn.fhir.batch2.api.IJobMaintenanceService;
import ca.uhn.fhir.batch2.jobs.export.BulkDataExportProvider;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.model.entity.StorageSettings.IndexEnabledEnum;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.test.config.TestR4Config;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.api.server.SystemRequestDetails;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.exceptions.AuthenticationException;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.ServerConnector;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.Bundle;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * HAPI FHIR's JPA server with a database in memory, on loopback, behind a token.
 *
 * <p>Arguments: the token, and one Bundle file for each patient. Prints {"port": N} when it answers, and lives as long as
 * its standard input. The bases are those of server.mjs: /fhir, and /pages-of-2/fhir with two entries a page at most.
 */
public final class Server {
  private static final int USUAL_PAGE = 20;
  private static final int LARGEST_PAGE = 1000;

  public static void main(String[] arguments) throws Exception {
    PrintStream out = System.out;
    System.setOut(System.err);
    var spring = new AnnotationConfigApplicationContext(TestR4Config.class);
    var storage = spring.getBean(JpaStorageSettings.class);
    storage.setEnforceReferentialIntegrityOnWrite(false);
    storage.setBulkExportFileMaximumCapacity(100); // several files of a type
    storage.setIndexMissingFields(IndexEnabledEnum.ENABLED); // an export by patient needs it
    for (String file : List.of(arguments).subList(1, arguments.length)) load(spring, Path.of(file));

    var jetty = new org.eclipse.jetty.server.Server(new InetSocketAddress("127.0.0.1", 0));
    var servlets = new ServletContextHandler();
    servlets.addServlet(new ServletHolder(fhir(spring, arguments[0], LARGEST_PAGE)), "/fhir/*");
    servlets.addServlet(new ServletHolder(fhir(spring, arguments[0], 2)), "/pages-of-2/fhir/*");
    jetty.setHandler(servlets);
    jetty.start();
    out.printf("{\"port\": %d}%n", ((ServerConnector) jetty.getConnectors()[0]).getLocalPort());
    out.flush();
    goOnWithJobs(spring.getBean(IJobMaintenanceService.class));
    while (System.in.read() >= 0) {}
    Runtime.getRuntime().halt(0);
  }

  /** Takes jobs to their next step twice a second; by itself the server does so once a minute. */
  private static void goOnWithJobs(IJobMaintenanceService jobs) {
    var pace = Executors.newSingleThreadScheduledExecutor();
    pace.scheduleWithFixedDelay(jobs::runMaintenancePass, 500, 500, TimeUnit.MILLISECONDS);
  }

  @SuppressWarnings("unchecked")
  private static void load(AnnotationConfigApplicationContext spring, Path file) throws Exception {
    var registry = spring.getBean(DaoRegistry.class);
    var bundle = FhirContext.forR4Cached().newJsonParser().parseResource(Bundle.class, Files.readString(file));
    for (var entry : bundle.getEntry()) {
      IBaseResource resource = entry.getResource();
      registry.getResourceDao(resource).update(resource, new SystemRequestDetails());
    }
  }

  private static RestfulServer fhir(AnnotationConfigApplicationContext spring, String token, int largestPage) {
    var pages = new DatabaseBackedPagingProvider();
    spring.getAutowireCapableBeanFactory().autowireBean(pages);
    pages.setDefaultPageSize(Math.min(USUAL_PAGE, largestPage));
    pages.setMaximumPageSize(largestPage);
    var server = new RestfulServer(FhirContext.forR4Cached());
    server.registerProviders(spring.getBean("myResourceProvidersR4", ResourceProviderFactory.class).createProviders());
    server.registerProvider(spring.getBean(BulkDataExportProvider.class));
    server.setPagingProvider(pages);
    server.setDefaultResponseEncoding(EncodingEnum.JSON);
    server.registerInterceptor(new Door(token));
    return server;
  }

  /** Lets in who shows the token. */
  public record Door(String token) {
    @Hook(Pointcut.SERVER_INCOMING_REQUEST_PRE_HANDLED)
    public void check(RequestDetails request) {
      if (!("Bearer " + token).equals(request.getHeader("Authorization"))) throw new AuthenticationException("no token");
    }
  }
}
